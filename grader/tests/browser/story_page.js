// Looks at the page of a story as a person would: node story_page.js PLAYWRIGHT-CORE CHROMIUM PAGE
"use strict";
const [, , playwright, executablePath, path] = process.argv;
const { chromium } = require(playwright);

(async () => {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-background-networking"] });
  const page = await browser.newPage({ viewport: { width: 1200, height: 400 } });
  const seen = { errors: [] };
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  await page.goto(`file://${path}`);
  seen.end = await page.evaluate(() => {
    const now = document.querySelector(".now"), { bottom } = now.getBoundingClientRect();
    return now === document.querySelector("#lanes").lastElementChild && bottom <= innerHeight + 1;
  });
  await page.keyboard.press("Home");
  seen.begin = await page.$eval(".now", (row) => row.previousElementSibling.className);
  seen.lines = await page.$$eval(".place", (places) => new Set(places.map((p) => p.getBoundingClientRect().top)).size);
  await page.keyboard.press("End");
  seen.place = await page.textContent("#code h2");
  seen.covered = await page.evaluate(() => {
    document.getElementById("code").scrollTop = 60;
    return [...document.querySelectorAll("#code h2, .names")].some((element) => {
      const { left, bottom } = element.getBoundingClientRect();
      return !element.contains(document.elementFromPoint(left + 25, bottom - 4));
    });
  });
  await page.setViewportSize({ width: 390, height: 800 });
  seen.lanes = await page.evaluate(() => document.getElementById("lanes").clientWidth);
  console.log(JSON.stringify(seen));
  await browser.close();
})().catch((error) => { console.error(String(error)); process.exit(1); });
