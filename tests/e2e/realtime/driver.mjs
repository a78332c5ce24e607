// npm's `centrifuge`, unmodified, led by lines of JSON: the same as driver.py.
// node driver.mjs <folder with node_modules>

import {createRequire} from "node:module";
import {createInterface} from "node:readline";

const require = createRequire(`${process.argv[2]}/package.json`);
const json = require("centrifuge");
const protobuf = require("centrifuge/build/protobuf");
const websocket = require("ws");

const clients = new Map();
const binary = new Set();

const say = told => process.stdout.write(`${JSON.stringify(told)}\n`);
const decoded = data => (data instanceof Uint8Array ? JSON.parse(Buffer.from(data)) : data);
const encoded = (client, data, indent) =>
  binary.has(client) ? Buffer.from(JSON.stringify(data, null, indent)) : data;
const position = at => (at ? {offset: Number(at[0]), epoch: at[1]} : undefined);

function tell(of, event, about) {
  const told = {event, ...of};
  for (const name of ["code", "reason", "recovered"]) {
    if (about[name] !== undefined) told[name] = about[name];
  }
  if (about.wasRecovering !== undefined) told.was_recovering = about.wasRecovering;
  if (about.client !== undefined) told.connection = about.client;
  if (about.transport !== undefined) told.transport = about.transport;
  if (about.streamPosition) Object.assign(told, about.streamPosition);
  if (about.info) told.user = about.info.user;
  if (about.error) Object.assign(told, {code: about.error.code, error: about.error.message});
  say(told);
}

function made(client, channel, since, tokens, delta) {
  const of = {client, channel};
  const options = since ? {getState: async () => position(since)} : {};
  if (delta) options.delta = "fossil";
  if (tokens) options.getToken = async () => tokens.shift() ?? "";
  const subscription = clients.get(client).newSubscription(channel, options);
  for (const event of ["subscribing", "subscribed", "unsubscribed", "join", "leave", "error"]) {
    subscription.on(event, about => tell(of, event, about));
  }
  subscription.on("publication", about => {
    const told = {offset: about.offset ?? 0, data: decoded(about.data)};
    say({event: "publication", ...of, ...told, user: about.info?.user ?? ""});
  });
  return subscription;
}

const does = {
  open({client, url, tokens, protobuf: isBinary, channels, patience, emulation, data}) {
    const Kind = isBinary ? protobuf.Centrifuge : json.Centrifuge;
    const getToken = async () => {
      if (!tokens.length) throw new Kind.UnauthorizedError("no more");
      const found = tokens.shift();
      return found === null ? new Promise(() => {}) : found;
    };
    if (isBinary) binary.add(client);
    const patient = {maxReconnectDelay: 1000, maxServerPingDelay: 1000 * patience};
    if (data != null) patient.data = encoded(client, data);
    if (emulation) patient.emulationEndpoint = emulation;
    const one = new Kind(url, {websocket, getToken, ...patient});
    clients.set(client, one);
    for (const event of ["connecting", "connected", "disconnected", "error"]) {
      one.on(event, about => tell({client}, event, about));
    }
    one.on("connected", about => {
      const isSaid = about.data != null && about.data.length !== 0; // no bytes, in Protocol Buffers
      if (isSaid) say({event: "greeted", client, data: decoded(about.data)});
    });
    one.on("publication", about => {
      const said = {data: decoded(about.data), tags: about.tags ?? {}};
      say({event: "letter", client, channel: about.channel, ...said});
    });
    for (const channel of channels ?? []) made(client, channel).subscribe();
    one.connect();
  },
  close({client}) {
    clients.get(client).disconnect();
  },
  read({client, channel, since, tokens, delta}) {
    const there = clients.get(client).getSubscription(channel);
    (there ?? made(client, channel, since, tokens, delta)).subscribe();
  },
  toggle({client, channel, times}) {
    const one = clients.get(client).getSubscription(channel);
    for (let turn = 0; turn < times; turn++) {
      one.unsubscribe();
      one.subscribe();
    }
  },
  restart({client, times}) {
    const one = clients.get(client);
    for (let turn = 0; turn < times; turn++) {
      one.disconnect();
      one.connect();
    }
  },
  leave({client, channel}) {
    clients.get(client).getSubscription(channel).unsubscribe();
  },
  async publish({client, channel, data, indent}) {
    const one = clients.get(client);
    await Promise.all(data.map(each => one.publish(channel, encoded(client, each, indent))));
  },
  async presence({client, channel}) {
    const told = await clients.get(client).presence(channel);
    return Object.values(told.clients).map(one => one.user).sort();
  },
  async stats({client, channel}) {
    const told = await clients.get(client).presenceStats(channel);
    return [told.numClients, told.numUsers];
  },
  async history({client, channel, limit, since, reverse}) {
    const options = {limit: limit ?? 0, since: position(since), reverse: reverse ?? false};
    const told = await clients.get(client).history(channel, options);
    const publications = told.publications.map(one => [one.offset, decoded(one.data)]);
    return {publications, offset: told.offset, epoch: told.epoch};
  },
  async call({client, method, data}) {
    return decoded((await clients.get(client).rpc(method, encoded(client, data))).data);
  },
  async rpc({client, method}) {
    return decoded((await clients.get(client).rpc(method, encoded(client, {}))).data);
  },
};

createInterface({input: process.stdin}).on("line", async line => {
  const asked = JSON.parse(line);
  try {
    say({id: asked.id, told: (await does[asked.do](asked)) ?? null});
  } catch (error) {
    say(error.code ? {id: asked.id, refused: error.code} : {id: asked.id, failed: `${error}`});
  }
}).on("close", () => process.exit());
