// Phoenix' own client, on Node with the package ws. Says what it measured as one line of JSON.

import { createRequire } from "node:module";
import { performance } from "node:perf_hooks";

const require = createRequire(process.env.FASTPHX_NODE_MODULES + "/");
const { Socket } = require("phoenix");
const WebSocket = require("ws");

const url = new URL(process.argv[2]);
const socket = new Socket(`${url.protocol}//${url.host}/socket`, {
  transport: WebSocket,
  params: Object.fromEntries(url.searchParams),
});
let frames = 0;
let started, cpu;
socket.onClose(() => {
  if (started === undefined) return;
  const used = process.cpuUsage(cpu);
  console.log(JSON.stringify({
    frames,
    wall_s: (performance.now() - started) / 1000,
    cpu_s: (used.user + used.system) / 1e6,
  }));
  process.exit(0);
});
socket.connect();
const channel = socket.channel("room:lobby", {});
channel.on("new_msg", () => { frames += 1; });
channel.join().receive("ok", () => {
  started = performance.now();
  cpu = process.cpuUsage();
  channel.push("go", {});
});
