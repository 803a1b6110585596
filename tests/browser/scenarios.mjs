// Runs one scenario, by the name that tests/browser.rs calls it with.

import assert from "node:assert/strict";

import { startFirefox, stopFirefox } from "./firefox.mjs";
import { start, stop } from "./harness.mjs";
import { scenarios as answering } from "./scenarios/answering.mjs";
import { scenarios as choices } from "./scenarios/choices.mjs";
import { scenarios as collecting } from "./scenarios/collecting.mjs";
import { scenarios as face } from "./scenarios/face.mjs";
import { scenarios as files } from "./scenarios/files.mjs";
import { scenarios as firefox } from "./scenarios/firefox.mjs";
import { scenarios as generating } from "./scenarios/generating.mjs";
import { scenarios as honesty } from "./scenarios/honesty.mjs";
import { scenarios as keys } from "./scenarios/keys.mjs";
import { scenarios as late } from "./scenarios/late.mjs";
import { scenarios as links } from "./scenarios/links.mjs";
import { scenarios as looks } from "./scenarios/looks.mjs";
import { scenarios as offline } from "./scenarios/offline.mjs";
import { scenarios as pages } from "./scenarios/pages.mjs";
import { scenarios as pictures } from "./scenarios/pictures.mjs";
import { scenarios as reading } from "./scenarios/reading.mjs";
import { scenarios as receipts } from "./scenarios/receipts.mjs";
import { scenarios as requesting } from "./scenarios/requesting.mjs";
import { scenarios as told } from "./scenarios/told.mjs";
import { scenarios as ways } from "./scenarios/ways.mjs";

const scenarios = Object.assign({}, answering, choices, collecting, face, files, firefox, generating, honesty, keys, late, links, looks, offline, pages, pictures, reading, receipts, requesting, told, ways);

const name = process.argv[2];
assert.ok(scenarios[name], `there is no scenario ${name}`);
const inFirefox = name.startsWith("firefox_");
await (inFirefox ? startFirefox() : start());
try {
  await scenarios[name]();
} finally {
  await (inFirefox ? stopFirefox() : stop());
}
