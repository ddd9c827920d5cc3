/**
 * Pictures of the board with the simulated agency, for the documentation: pictures.ts URL FOLDER TRACKING-NUMBER.
 * Each page has to show what the picture is about, so this also says whether the agency is still one.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium, type BrowserContextOptions, type Page } from "playwright-core";

const [url = "", folder = "", number = ""] = process.argv.slice(2);
if (number === "") throw new Error("pictures.ts URL FOLDER TRACKING-NUMBER");
mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

async function open(options: BrowserContextOptions = {}): Promise<Page> {
  return (await browser.newContext({ baseURL: url, viewport: { width: 1280, height: 860 }, reducedMotion: "reduce", ...options })).newPage();
}

async function signIn(role: string, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await open(options);
  await page.goto("/sign-in");
  await page.getByLabel("User name").fill(role);
  await page.getByLabel("Password").fill(`${role}-demo`);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((at) => at.pathname !== "/sign-in");
  return page;
}

/** A picture of what is in the window, as soon as something of the page is there. */
async function picture(page: Page, name: string, path: string | undefined, there: string, fullPage = false): Promise<void> {
  if (path !== undefined) await page.goto(path);
  await page.locator(there).first().waitFor();
  await page.screenshot({ path: join(folder, `${name}.png`), animations: "disabled", fullPage });
  console.log(`${name}.png`);
}

const ann = await signIn("ann");
await picture(ann, "board", "/", '#live[data-state="on"]');
await picture(ann, "inbox", "/inbox", "main table");
await picture(ann, "heat-map", "/reports/heat-map?by=stage", "main table td a");
await picture(ann, "sla-report", "/reports/sla", "canvas");
await ann.goto("/?workflow=BuildingPermit&status=in_progress");
await picture(ann, "ticket", (await ann.locator("tr[data-ticket] a").first().getAttribute("href")) ?? "", "svg .node.in_progress");
await picture(await signIn("ada"), "editor", "/workflows/BuildingPermit/edit", "main svg .node");
await picture(await signIn("ann", { colorScheme: "dark" }), "board-dark", "/", '#live[data-state="on"]');
const phone = await open({ viewport: { width: 390, height: 800 } });
await phone.goto("/track");
await phone.getByLabel("Tracking number").fill(number);
await phone.getByRole("button", { name: "Show my request" }).click();
await picture(phone, "track-phone", undefined, ".needed", true);
await browser.close();
