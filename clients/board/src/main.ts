/** Starts the board: npm start. Ends on SIGTERM and SIGINT. */
import { serve } from "@hono/node-server";
import type { AddressInfo } from "node:net";
import { makeApp } from "./app.js";
import { openDatabase } from "./db.js";
import { openLive } from "./live.js";
import { readSettings } from "./settings.js";
import { makeWatch } from "./watch.js";

/** How long a browser may take to send the head of a request, and all of it; and how often that is looked at. */
const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 2000 };

const settings = readSettings(process.env);
const db = openDatabase(settings);
const live = openLive(db, !settings.readOnly);
const app = makeApp({ settings, db, live, watch: makeWatch(db) });

const server = serve({ fetch: app.fetch, hostname: settings.host, port: settings.port, serverOptions: TIMEOUTS }, ({ address, port }: AddressInfo) => {
  console.log(`the board is at http://${address.includes(":") ? `[${address}]` : address}:${port}/`);
});
server.on("error", (error: Error) => {
  console.error(`the board cannot listen at ${settings.host}, port ${settings.port}: ${error.message}`);
  process.exit(1);
});

const GOODBYE_MS = 3000;
let ending = false;
function end() {
  if (ending) return;
  ending = true;
  server.close();
  // Open streams of events would keep it waiting.
  if ("closeAllConnections" in server) server.closeAllConnections();
  // A database that hangs does not say goodbye.
  setTimeout(() => process.exit(0), GOODBYE_MS);
  void Promise.all([live.end(), db.end()]).then(() => process.exit(0));
}
process.on("SIGTERM", end);
process.on("SIGINT", end);
