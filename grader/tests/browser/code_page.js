// Looks at a page with code: node code_page.js PLAYWRIGHT-CORE CHROMIUM FILE SCREENSHOT WIDTH light|dark
// Prints what it saw as JSON.
"use strict";
const [, , playwright, executablePath, file, screenshot, width, colorScheme] = process.argv;
const { chromium } = require(playwright);

(async () => {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const page = await browser.newPage({ viewport: { width: Number(width), height: 800 }, colorScheme });
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await page.goto("file://" + file);
  const seen = await page.evaluate(() => {
    const tops = [...document.querySelectorAll(".pane")].slice(0, 2).map((pane) => pane.getBoundingClientRect().top);
    return { width: document.documentElement.scrollWidth, columns: tops[0] === tops[1] ? 2 : 1 };
  });
  await page.screenshot({ path: screenshot });
  console.log(JSON.stringify({ errors, ...seen }));
  await browser.close();
})().catch((error) => { console.error(String(error)); process.exit(1); });
