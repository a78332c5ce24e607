// npm's oidc-provider, as a clinic would run it: the login pages of its own, two clients, logouts
// that it tells of.  node provider.js '{"port": …, "gateway": "http://localhost:…", …}'
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const told = JSON.parse(process.argv[2]);
const require = createRequire(`${told.modules}/`);
const { default: Provider } = await import(pathToFileURL(require.resolve("oidc-provider")));

function client(id, name, more) {
  return {
    client_id: id,
    redirect_uris: [`${told.gateway}/api/v1/auth/external/${name}/callback`],
    post_logout_redirect_uris: [`${told.gateway}/app`],
    backchannel_logout_uri: `${told.direct}/api/v1/auth/external/${name}/backchannel-logout`,
    backchannel_logout_session_required: true,
    grant_types: ["authorization_code"],
    response_types: ["code"],
    ...more,
  };
}

const provider = new Provider(`http://127.0.0.1:${told.port}`, {
  clients: [
    client("by-secret", "clinic", {
      client_secret: told.secret,
      token_endpoint_auth_method: "client_secret_basic",
    }),
    client("by-key", "city", {
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_signing_alg: "ES256",
      jwks: { keys: [told.key] },
    }),
  ],
  claims: { openid: ["sub"], profile: ["preferred_username"], email: ["email"] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, preferred_username: `name of ${id}`, email: id }),
  }),
  cookies: { keys: ["a key of its cookies"] },
  pkce: { required: () => true },
  // Its own way refuses to ask at addresses of loopback, where everything here stands.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  features: { backchannelLogout: { enabled: true } },
});
provider.on("backchannel.error", (_, error) => console.error("backchannel", error));
provider.on("server_error", (_, error) => console.error("server", error));
provider.on("grant.error", (_, error) => console.error("grant", error.message));
provider.listen(told.port, "127.0.0.1");
