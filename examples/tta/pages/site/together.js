// One session on every device of whoever has logged in.  The gateway keeps their messages in order,
// and npm's `centrifuge`, as it is, asks for what was missed: nothing here looks after that.

const at = id => document.getElementById(id);
const here = crypto.randomUUID();  // this device, as the others see it
const waiting = new Map();         // by id: what is written and not yet stored
let token = null;

// --- the gateway's HTTP ---

async function ask(method, path, body) {
  const headers = {accept: "application/json"};
  if (token) headers.authorization = `Bearer ${token}`;
  if (body) headers["content-type"] = "application/json";
  const answer = await fetch(path, {method, headers, body: body && JSON.stringify(body)});
  const told = await answer.json().catch(() => null);
  if (!answer.ok) throw Object.assign(new Error(reason(told, answer.status)), {status: answer.status});
  return told;
}

function reason(told, status) {
  const texts = [told?.detail, told?.message, told?.title].filter(each => typeof each === "string");
  const listed = told?.message?.errors ?? told?.detail;
  if (Array.isArray(listed)) texts.unshift(listed.map(each => each.msg ?? each).join(" "));
  return texts[0] ?? `That did not work (${status}). Try again in a moment.`;
}

// The refresh token is in a cookie that no script can read.
async function refreshed() {
  try {
    token = (await ask("POST", "/api/v1/auth/refresh", {})).access_token;
    return token;
  } catch (error) {
    if (error.status !== 401) throw error;  // the SDK asks again by itself
    throw new Centrifuge.UnauthorizedError("logged out");
  }
}

// Whoever has a session goes on in the one that was used last.
async function sessionOf(user) {
  const {sessions} = await ask("GET", "/api/v1/sessions");
  if (sessions.length) return sessions[0].session_id;
  const character = await ask("POST", `/api/v1/players/${user}/characters`, {
    name: "Mira", appearance: {}, background: {name: "Mira"}, therapeutic_profile: {},
  });
  const [world] = await ask("GET", "/api/v1/worlds");
  const begun = await ask("POST", "/api/v1/sessions", {
    character_id: character.character_id, world_id: world.world_id,
    therapeutic_settings: {intensity_level: "low"},
  });
  return begun.session_id;
}

// --- the session ---

function open(id) {
  const channel = `session:${id}`;
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const client = new Centrifuge(`${scheme}//${location.host}/connection/websocket`, {
    token, getToken: refreshed, maxReconnectDelay: 2000,
  });
  const session = client.newSubscription(channel);
  client.on("connecting", () => {
    state("Away: what is written meanwhile will be here later", true);
    at("others").textContent = "";
  });
  client.on("disconnected", about => state(`Ended: ${about.reason}. Log in again`, true));
  session.on("subscribed", about => {
    state("Connected");
    if (about.wasRecovering && !about.recovered) note("Some of what was said is too long ago to be shown.");
    if (!about.wasRecovering) earlier(session);
    present(session);
    for (const one of waiting.values()) send(one);
  });
  session.on("publication", ({data, offset}) => show(data, offset));
  session.on("join", () => present(session));
  session.on("leave", () => present(session));
  session.on("error", ({error}) => trouble(error.message));
  // Sent again as often as it takes: the gateway publishes what has the same id once.
  const send = one => client.rpc("message.send", {channel, id: one.id, data: one}).catch(error => {
    if (session.state === "subscribed") trouble(`Not sent: ${error.message}.`);  // else it is sent later
  });
  session.subscribe();
  client.connect();
  at("write").addEventListener("submit", event => {
    event.preventDefault();
    const field = event.target.elements.text;
    const one = {id: crypto.randomUUID(), device: here, text: field.value};
    field.value = "";
    waiting.set(one.id, one);
    show(one, null);
    send(one);
  });
}

async function earlier(session) {
  const {publications} = await session.history({limit: 100}).catch(() => ({publications: []}));
  for (const {data, offset} of publications) show(data, offset);
}

async function present(session) {
  const {numClients} = await session.presenceStats().catch(() => ({}));
  if (numClients) at("others").textContent = numClients === 1 ? "Only this device is here." : `${numClients} devices are here.`;
}

// --- what is seen ---

// Each message once, by its id, in the order of the channel; what is not stored yet stands last.
function show(one, offset) {
  if (offset !== null) waiting.delete(one.id);
  const line = document.getElementById(one.id) ?? document.createElement("li");
  line.id = one.id;
  line.dataset.offset = offset ?? "";
  line.className = [one.device === here ? "here" : "", offset === null ? "waiting" : ""].join(" ").trim();
  const text = document.createElement("span");
  text.textContent = one.text;
  const who = document.createElement("small");
  who.textContent = (one.device === here ? "from here" : "from your other device") + (offset === null ? ", not sent yet" : "");
  line.replaceChildren(text, who);
  const behind = offset === null ? null : [...at("said").children].find(each => !each.dataset.offset || Number(each.dataset.offset) > offset);
  if (behind !== line) at("said").insertBefore(line, behind ?? null);
  line.scrollIntoView({block: "nearest"});
}

function note(text) {
  const line = document.createElement("li");
  line.className = "note";
  line.dataset.offset = "0";
  line.textContent = text;
  at("said").append(line);
}

function state(text, away = false) {
  at("state").textContent = text;
  at("state").classList.toggle("away", away);
}

function trouble(text) {
  at("trouble").textContent = text;
}

async function enter(user) {
  open(await sessionOf(user));
  at("login").hidden = true;
  at("session").hidden = false;
}

async function log(event, {isNew}) {
  event.preventDefault();
  if (!at("login").reportValidity()) return;
  const {username, password} = Object.fromEntries(new FormData(at("login")));
  trouble("");
  try {
    if (isNew) {
      const email = `${username}@example.org`;
      await ask("POST", "/api/v1/auth/register", {username, password, email});
    }
    const told = await ask("POST", "/api/v1/auth/login", {username, password});
    token = told.access_token;
    await enter(told.user.user_id);
  } catch (error) {
    trouble(error.message);
  }
}

at("login").addEventListener("submit", event => log(event, {isNew: false}));
at("register").addEventListener("click", event => log(event, {isNew: true}));
if (typeof Centrifuge === "undefined") trouble("The SDK of the hub is not installed: start with `make run`, where npm is.");
