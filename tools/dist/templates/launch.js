"use strict";
// Starts the program of the package for this system, under the name that was
// typed, and ends as it ends.
const { spawnSync } = require("child_process");

module.exports = (name) => {
  const system = `${process.platform}-${process.arch}`;
  const file = process.platform === "win32" ? "minsize.exe" : "minsize";
  let program;
  try {
    program = require.resolve(`@minsize/${system}/bin/${file}`);
  } catch {
    console.error(`minsize: the package @minsize/${system} is not installed\n` +
      "  try: npm install minsize again, without --omit=optional; or there is none for this system");
    process.exit(1);
  }
  process.on("SIGINT", () => {}); // the program gets it too, and tidies up
  const ran = spawnSync(program, process.argv.slice(2), { stdio: "inherit", argv0: name });
  if (ran.error) {
    console.error(`minsize: ${program}: ${ran.error.message}`);
    process.exit(1);
  }
  if (ran.signal) process.kill(process.pid, ran.signal);
  process.exit(ran.status === null ? 1 : ran.status);
};
