// Looks at class.html as a person would: node class_page.js PLAYWRIGHT-CORE CHROMIUM FILE SCREENSHOT
// Prints what it saw as JSON.
"use strict";
const [, , playwright, executablePath, file, screenshot] = process.argv;
const { chromium } = require(playwright);

(async () => {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
  const seen = { errors: [], requests: [] };
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("dialog", (dialog) => { seen.errors.push("dialog: " + dialog.message()); dialog.dismiss(); });
  page.on("console", (message) => message.type() === "error" && seen.errors.push(message.text()));
  page.on("request", (request) => seen.requests.push(request.url()));
  await page.goto("file://" + file);
  const first = () => page.$eval("#class tbody tr:not([hidden])", (row) => [...row.cells].slice(0, 2).map((c) => c.textContent.trim()));
  seen.rows = await page.$$eval("#class tbody tr", (rows) => rows.length);
  seen.bold = await page.$$eval("#class tbody b", (found) => found.length);
  await page.click("#class th:nth-child(2) button");
  seen.best = await first();
  seen.report = await page.$eval("#class tbody tr a", (link) => link.href);
  await page.click("#class th:nth-child(2) button");
  seen.worst = await first();
  await page.fill("#filter", "rejected");
  seen.shown = await page.textContent("#shown");
  await page.locator("#class tbody tr:not([hidden]) button").last().click();
  seen.whose = await page.textContent("#whose");
  seen.text = await page.textContent("#text");
  await page.screenshot({ path: screenshot });
  await page.setViewportSize({ width: 390, height: 800 });
  seen.width = await page.evaluate(() => document.documentElement.scrollWidth);
  await page.keyboard.press("Escape");
  seen.closed = !(await page.$eval("#report", (dialog) => dialog.open));
  console.log(JSON.stringify(seen));
  await browser.close();
})().catch((error) => { console.error(String(error)); process.exit(1); });
