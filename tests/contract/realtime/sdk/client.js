// A client of the hub: the SDK for JavaScript as it is. It says in lines of JSON what it hears.
import { createRequire } from "node:module";

const { url, modules, protobuf } = JSON.parse(process.argv[2]);
const require = createRequire(`${modules}/`);
const { Centrifuge } = require(protobuf ? "centrifuge/build/protobuf" : "centrifuge");
const say = (what, told) => process.stdout.write(JSON.stringify([what, told]) + "\n");
const encode = (value) => (protobuf ? new TextEncoder().encode(JSON.stringify(value)) : value);
const decode = (data) => (protobuf ? JSON.parse(new TextDecoder().decode(data)) : data);
const once = (what, event) => new Promise((resolve) => what.once(event, resolve));

const client = new Centrifuge(url, { token: "t", websocket: require("ws"), minReconnectDelay: 10 });
client.on("disconnected", (ctx) => say("disconnected", ctx.code));
client.on("message", (ctx) => say("message", decode(ctx.data)));

const all = client.newSubscription("all");
all.on("subscribed", (ctx) => say("subscribed", [ctx.wasRecovering, ctx.recovered]));
const third = new Promise((resolve) =>
  all.on("publication", (ctx) => {
    const offset = Number(ctx.offset); // one of 64 bits, where it comes in Protocol Buffers
    say("publication", [offset, decode(ctx.data)]);
    if (offset === 3) resolve();
  }),
);
const deltas = client.newSubscription("deltas", { delta: "fossil" });
deltas.on("publication", (ctx) => say("changed", decode(ctx.data)));

// Subscribing before connecting has the SDK send all of it in one frame.
all.subscribe();
deltas.subscribe();
client.connect();
await all.ready();
await deltas.ready();
await all.publish(encode(1)); // upon which the gateway cuts the connection, and publishes 2 and 3

await third;
const history = await all.history({ limit: 2, reverse: true });
say("history", history.publications.map((each) => decode(each.data)));
say("presence", Object.values((await all.presence()).clients).map((each) => each.user));
say("stats", await all.presenceStats());
say("call", decode((await client.rpc("echo", encode({ x: [1] }))).data));
await client.rpc("nobody", encode(1)).catch((error) => say("refused", error.code));
await client.publish("deltas", encode("ask")).catch((error) => say("refused", error.code));

// What is published right behind an unsubscribe must not be heard.
all.unsubscribe();
await client.publish("all", encode("too late"));
await client.rpc("echo", encode(1));
const other = client.newSubscription("nowhere");
other.subscribe();
say("unsubscribed", (await once(other, "unsubscribed")).code);
say("done", null); // upon which the gateway ends the connection for good
await once(client, "disconnected");
