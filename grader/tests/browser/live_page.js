// Uses the live page of 08 as a person would: node live_page.js PLAYWRIGHT-CORE CHROMIUM PORT DIRECTORY
// Leaves pictures in the directory, and prints what it saw as JSON.
"use strict";
const [, , playwright, executablePath, port, directory] = process.argv;
const { chromium } = require(playwright);

(async () => {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-background-networking"] });
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  page.setDefaultTimeout(60_000);
  const seen = { errors: [], requests: new Set() };
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("request", (request) => seen.requests.add(new URL(request.url()).host));
  const look = (name) => page.screenshot({ path: `${directory}/${name}.png` });

  await page.goto(`http://127.0.0.1:${port}/`);
  seen.ticket = await page.textContent(".ticket");
  seen.running = await page.textContent("#state");
  await look("running");

  seen.slow = await page.inputValue("#slow");
  await page.fill("#slow", "25");
  await page.click("#load");
  await page.waitForFunction(() => document.querySelectorAll(".place.taken").length === 4
    && document.querySelectorAll(".sleeper").length >= 2); // the queue is full, and senders sleep
  await page.locator(".column:nth-child(3) .ticket").nth(2).waitFor();
  await page.getByText("Stop load").waitFor();
  await look("load");

  await page.click("#shutdown");
  await page.getByText("shut down", { exact: true }).waitFor();
  await page.getByText(/[1-9]\d* got TICKET_SERVER_GONE/).waitFor();
  seen.disabled = await page.isDisabled("#load");
  await look("shutdown");
  await page.setViewportSize({ width: 390, height: 800 });
  seen.width = await page.evaluate(() => document.documentElement.scrollWidth);
  console.log(JSON.stringify({ ...seen, requests: [...seen.requests] }));
  await browser.close();
})().catch((error) => { console.error(String(error)); process.exit(1); });
