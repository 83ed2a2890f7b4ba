// A sandbox of its own for the tests, and somebody who listens to its webhooks.

import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { once } from "node:events";

export const KEY = "sk_test_souk_sandbox";
export const WEBHOOK_SECRET = "whsec_of-the-client-test-0123456789abcdef";

async function listen(handler) {
  const server = createServer(handler);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

async function freePort() {
  const server = await listen();
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Starts both; `stop` ends them. */
export async function start() {
  const deliveries = [];
  const receiver = await listen(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    deliveries.push({ body: Buffer.concat(chunks), signature: request.headers["stripe-signature"] });
    response.end();
  });
  const port = await freePort();
  const child = spawn(process.env.SANDBOX_BIN ?? "target/debug/stripe-sandbox", {
    env: {
      LISTEN_ADDR: `127.0.0.1:${port}`,
      SANDBOX_WEBHOOK_URL: `http://127.0.0.1:${receiver.address().port}/hook`,
      SANDBOX_WEBHOOK_SECRET: WEBHOOK_SECRET,
      ...(process.env.SANDBOX_RECORD_FILE && { SANDBOX_RECORD_FILE: process.env.SANDBOX_RECORD_FILE }),
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  await new Promise((resolve, reject) => {
    child.stderr.on("data", (chunk) => {
      log += chunk;
      if (log.includes('"ready"')) resolve();
    });
    child.once("exit", () => reject(new Error(`the sandbox ended:\n${log}`)));
  });

  const call = async (method, path, form) => {
    const response = await fetch(`http://127.0.0.1:${port}/_sandbox/${path}`, {
      method,
      headers: { authorization: `Bearer ${KEY}` },
      body: form && new URLSearchParams(form),
    });
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
    return response.json();
  };
  return {
    port,
    deliveries,
    /** A call to the control routes. */
    control: (path, form) => call("POST", path, form),
    fault: (form) => call("POST", "faults", form),
    /** Resolves with the first delivery that `wanted` takes. */
    async delivery(wanted) {
      for (let tries = 0; tries < 500; tries += 1) {
        const found = deliveries.find(({ body }) => wanted(JSON.parse(body)));
        if (found) return found;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      throw new Error("it was not delivered");
    },
    async stop() {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
      receiver.close();
      receiver.closeAllConnections();
    },
  };
}
