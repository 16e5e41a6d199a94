// Runs a program of WASI's first preview: node wasi.mjs PROGRAM [ARGUMENT...]
// It sees the files that the caller sees. A trap ends it with status 134, as
// an abort does in a shell, and as in wasmtime.
import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";

const [program, ...args] = process.argv.slice(2);
const wasi = new WASI({
  version: "preview1",
  args: [program, ...args],
  env: process.env,
  preopens: { ".": ".", "/": "/" },
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
