// Checks the otplib column of docs/explanation/comparison.md. Fails if a cell is wrong.
//
// Run it in a scratch directory, with a copy of this file:
//     npm install otplib@13.5.0 && node otplib.mjs

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { generateSync } from "@otplib/totp";
import { parse } from "@otplib/uri";
import * as otplib from "otplib";

const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const code = "911617"; // of the steps 910737 and 910738
const at = (step) => 30 * step;
const verify = (token, step, options = {}) =>
  otplib.verifySync({ secret, token, epoch: at(step), epochTolerance: 30, ...options });

// A login: no.
assert.deepEqual(Object.keys(otplib).filter((name) => /login|password|session|challenge|factor/i.test(name)), []);

// The same code again: refused, by `afterTimeStep`. (153568 shares its code with no nearby step.)
const once = otplib.generateSync({ secret, epoch: at(153568) });
assert(verify(once, 153568).valid && verify(once, 153568).valid);
assert(!verify(once, 153568, { afterTimeStep: 153568 }).valid);

// Two nearby steps with the same code: accepted twice.
assert.equal(verify(code, 910737).timeStep, 910737);
assert.equal(verify(code, 910739, { afterTimeStep: 910737 }).timeStep, 910738);

// After a match: stops.
let computed = 0;
const noble = new otplib.NobleCryptoPlugin();
const crypto = {
  name: "counting",
  hmac: (...args) => (computed++, noble.hmac(...args)),
  randomBytes: (size) => noble.randomBytes(size),
  constantTimeEqual: (one, other) => noble.constantTimeEqual(one, other),
};
assert(verify(code, 910738, { crypto }).valid);
assert.equal(computed, 1);

// Full-width digits as a code: refused. A wrong code: `{valid: false}`. Malformed text: an exception.
assert.throws(() => verify("９１１６１７", 910737), /digits/);
assert.deepEqual(verify("000000", 910737), { valid: false });
assert.throws(() => verify("hello", 910737), /6 digits/);

// Widest window without opting in: 99 steps.
const half = 30 * 49;
assert(verify(otplib.generateSync({ secret, epoch: at(910737 + 49) }), 910737, { epochTolerance: half }).valid);
assert.throws(() => verify(code, 910737, { epochTolerance: half + 1 }), /must not exceed/);

// QR codes: no.
assert.deepEqual(Object.keys(otplib).filter((name) => /qr/i.test(name)), []);

// HOTP: yes.
assert.equal(otplib.generateSync({ secret, strategy: "hotp", counter: 0 }), "755224");

// Steam Guard codes: with custom hooks.
const letters = "23456789BCDFGHJKMNPQRTVWXY";
const encodeToken = (number) =>
  [0, 1, 2, 3, 4].map((place) => letters[Math.floor(number / 26 ** place) % 26]).join("");
const parts = { crypto: noble, base32: new otplib.ScureBase32Plugin() };
assert.equal(generateSync({ secret, epoch: at(910737), hooks: { encodeToken }, ...parts }), "WQ9BX");

// Google Authenticator exports: no.
assert.throws(() => parse("otpauth-migration://offline?data=CjEKCkhlbGxv"), /Invalid otpauth URI/);

// Runtime dependencies: eight packages. (All packages that npm has installed, except otplib itself.)
const { packages } = JSON.parse(readFileSync("node_modules/.package-lock.json", "utf-8"));
assert.equal(Object.keys(packages).length - 1, 8);

console.log("otplib", packages["node_modules/otplib"].version, "matches the table");
