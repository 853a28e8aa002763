// The worker of run.mjs: sends a request and wakes the thread that waits for the answer.

import http from "node:http";
import https from "node:https";
import { workerData } from "node:worker_threads";

const { port, ready } = workerData;

/// Resolves to what board.py makes a response of; rejects without a whole response.
function post({ url, headers, body, timeout }) {
  return new Promise((resolve, reject) => {
    const send = url.startsWith("https:") ? https.request : http.request;
    const options = { method: "POST", headers: { ...headers, "Content-Length": Buffer.byteLength(body) } };
    const request = send(url, options, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode,
          headers: response.headers,
          content: Buffer.concat(parts).toString("base64"),
        }),
      );
    });
    request.setTimeout(timeout * 1000, () => request.destroy(new Error("no response in time")));
    request.on("error", reject);
    request.end(body);
  });
}

port.on("message", async (request) => {
  let answer;
  try {
    answer = await post(JSON.parse(request));
  } catch (error) {
    answer = { error: String(error) };
  }
  port.postMessage(JSON.stringify(answer));
  Atomics.store(ready, 0, 1);
  Atomics.notify(ready, 0);
});
