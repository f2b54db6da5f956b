// A load test as people write one by hand: Node with the package ws, JSON, and no Channels client.
//
//     node node_ws.mjs echo|fanout URL SOCKETS RATE SECONDS
//
// echo: every socket joins a room of its own, RATE pushes a second go out over all in turn. fanout: SOCKETS
// subscribers and one publisher, RATE broadcasts a second. Each reply or delivery is timed from when its push
// was due. Says "running" where the schedule starts, and at the end what came as one line of JSON.

import { createRequire } from "node:module";
import { performance } from "node:perf_hooks";

const require = createRequire(process.env.FASTPHX_NODE_MODULES + "/");
const WebSocket = require("ws");

const [kind, url, socketsText, rateText, secondsText] = process.argv.slice(2);
const count = Number(socketsText);
const rate = Number(rateText);
const seconds = Number(secondsText);
const AT_ONCE = 64;
const TICK_MS = 1;
const HEARTBEAT_MS = 30000;
const GRACE_MS = 5000;
const BODY = "hello";
const times = [];
let expected = 0;

class Member {
  constructor(number, topic, onMessage) {
    this.topic = topic;
    this.onMessage = onMessage;
    this.ref = 0;
    this.dueAt = new Map();
    this.joined = new Promise((resolve, reject) => {
      this.socket = new WebSocket(url, { perMessageDeflate: false });
      this.socket.on("error", reject);
      this.socket.on("open", () => this.send("phx_join", {}));
      this.socket.on("message", (data) => this.received(data, resolve));
    });
    this.heartbeat = setInterval(
      () => this.socket.send(JSON.stringify([null, String(++this.ref), "phoenix", "heartbeat", {}])),
      HEARTBEAT_MS,
    );
  }

  send(event, payload) {
    const ref = String(++this.ref);
    this.socket.send(JSON.stringify(["1", ref, this.topic, event, payload]));
    return ref;
  }

  push(event, payload, due) {
    this.dueAt.set(this.send(event, payload), due);
  }

  received(data, joined) {
    const [joinRef, ref, topic, event, payload] = JSON.parse(data);
    if (event === "phx_reply") {
      const dueAt = this.dueAt.get(ref);
      if (dueAt !== undefined) {
        this.dueAt.delete(ref);
        if (payload.status === "ok") times.push(performance.now() - dueAt);
      } else if (joinRef === ref) {
        if (payload.status !== "ok") throw new Error(`the join of ${topic} was refused`);
        joined();
      }
    } else if (this.onMessage) {
      this.onMessage(event, payload);
    }
  }
}

async function open(members, make) {
  for (let start = 0; start < count; start += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - start) }, (_, i) => make(start + i));
    await Promise.all(some.map((member) => member.joined));
    members.push(...some);
  }
}

// Calls push(number, due) at the rate, on a clock that does not wait for answers.
function schedule(push) {
  return new Promise((resolve) => {
    const total = Math.round(rate * seconds);
    const start = performance.now();
    let pushed = 0;
    const timer = setInterval(() => {
      const due = Math.min(total, Math.floor(((performance.now() - start) * rate) / 1000) + 1);
      for (; pushed < due; pushed += 1) push(pushed, start + (pushed * 1000) / rate);
      if (performance.now() - start >= seconds * 1000 && pushed === total) {
        clearInterval(timer);
        resolve();
      }
    }, TICK_MS);
  });
}

async function allCame() {
  const deadline = performance.now() + GRACE_MS;
  while (times.length < expected && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const members = [];
let push;
if (kind === "echo") {
  await open(members, (i) => new Member(i, `room:${i}`));
  push = (number, due) => {
    expected += 1;
    members[number % count].push("echo", { body: BODY }, due);
  };
} else {
  const timed = (event, payload) => {
    if (event === "msg") times.push(performance.now() - payload.due);
  };
  await open(members, (i) => new Member(i, "fan:0", timed));
  const publisher = new Member(count, "fan:0");
  await publisher.joined;
  push = (_number, due) => {
    expected += count;
    publisher.send("msg", { body: BODY, due });
  };
}
console.log("running");
await schedule(push);
await allCame();
times.sort((a, b) => a - b);
const at = (part) => times[Math.min(times.length - 1, Math.floor(part * times.length))];
console.log(JSON.stringify({ expected, received: times.length, p99_s: at(0.99) / 1000 }));
process.exit(0);
