// Runs a program on MicroPython, as `python3 PROGRAM ARGUMENTS` does on CPython:
//
//     node run.mjs PACKAGES PROGRAM [ARGUMENT…]
//
// PACKAGES is the folder with node_modules. The program sees the folders of this machine. board.py adds what a board has
// and the WebAssembly build lacks: os.urandom, requests, a sleep that waits.

import { randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { MessageChannel, Worker, receiveMessageOnPort } from "node:worker_threads";

import { mountFolders } from "./folders.mjs";

const [packages, program, ...argv] = process.argv.slice(2);
const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);

/// MicroPython's requests are synchronous and Node's are not: a worker sends them while this thread sleeps.
class Network {
  constructor() {
    this.ready = new Int32Array(new SharedArrayBuffer(4));
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    const workerData = { port: port2, ready: this.ready };
    this.worker = new Worker(path.join(here, "network.mjs"), { workerData, transferList: [port2] });
    this.worker.unref();
    this.port.unref();
  }

  /// Takes and returns JSON.
  exchange(request) {
    Atomics.store(this.ready, 0, 0);
    this.port.postMessage(request);
    Atomics.wait(this.ready, 0, 0);
    return receiveMessageOnPort(this.port).message;
  }
}

const network = new Network();
const input = program && !process.stdin.isTTY ? fs.readFileSync(0) : Buffer.alloc(0);
let read = 0;
const { loadMicroPython } = await import(
  pathToFileURL(path.join(packages, "node_modules/@micropython/micropython-webassembly-pyscript/micropython.mjs"))
);
const write = (file) => (bytes) => fs.writeSync(file, bytes);
const python = await loadMicroPython({
  linebuffer: false,
  stdout: write(1),
  stderr: write(2),
  stdin: () => (read < input.length ? input[read++] : null),
});
mountFolders(python.FS);
const never = new Int32Array(new SharedArrayBuffer(4));
python.registerJsModule("host", {
  argv: JSON.stringify([program, ...argv]),
  environment: JSON.stringify(process.env),
  folder: process.cwd(),
  exchange: (request) => network.exchange(request),
  random: (length) => randomBytes(length).toString("hex"),
  sleep: (milliseconds) => void Atomics.wait(never, 0, 0, milliseconds),
});
python.runPython(fs.readFileSync(path.join(here, "board.py"), "utf8"));
process.exit(python.globals.get("status"));
