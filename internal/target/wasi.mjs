// Runs a program of WASI's first preview: node wasi.mjs PROGRAM [ARGUMENT...]
// It sees the files that the caller sees. A trap ends it with status 134, as
// an abort does in a shell, and as in wasmtime.
import { accessSync, constants, existsSync, readdirSync, readFileSync } from "node:fs";
import { WASI } from "node:wasi";

const [program, ...args] = process.argv.slice(2);
// WASI's C library looks paths up without their first slash: with "/" open, a
// relative path would be one from there. So it is the folders in it that are
// open, but for those that the caller's own folder has by the same name, unless
// an argument says that they are meant.
const preopens = { ".": "." };
for (const { name } of readdirSync("/", { withFileTypes: true }).filter((e) => !e.isFile())) {
  const top = "/" + name;
  if (existsSync(name) && !args.some((a) => (a + "/").includes(top + "/"))) continue;
  try {
    accessSync(top, constants.R_OK | constants.X_OK);
    readdirSync(top);
    preopens[top] = top;
  } catch {} // not for this user, or no folder
}
const wasi = new WASI({
  version: "preview1",
  args: [program, ...args],
  env: process.env,
  preopens,
  returnOnExit: true,
});
let instance;
try {
  const module = new WebAssembly.Module(readFileSync(program));
  instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: wasi.wasiImport });
} catch (e) {
  console.error(`${program}: ${e.message}`);
  process.exit(126);
}
try {
  process.exitCode = wasi.start(instance);
} catch (e) {
  if (!(e instanceof WebAssembly.RuntimeError || e instanceof RangeError)) throw e;
  console.error(`wasm trap: ${e.message}`);
  process.exitCode = 134;
}
