import assert from "node:assert/strict";
import { test } from "node:test";
import { bit, countKept, keptUnits, rowShape } from "../src/base/bits.js";
import { counted, decimal, listed, percent, powerOfTwo, shortAddress, whole } from "../src/base/format.js";
import { throttle } from "../src/base/throttle.js";
import { stepped, textOf, valueOf } from "../src/base/typed.js";

const mask = (shape, bits) => {
  const packed = new Uint8Array(Math.ceil(bits.length / 8));
  bits.forEach((one, i) => (packed[i >> 3] |= one << (i & 7)));
  return { shape, packed: { values: packed, shape: [packed.length] } };
};

test("bit i % 8 of byte i >> 3 is element i", () => {
  const packed = Uint8Array.of(0b00000101, 0b10000000);
  assert.deepEqual([0, 1, 2, 15, 14].map((i) => bit(packed, i)), [true, false, true, true, false]);
});

test("the units that a row keeps, where every element is decided by itself", () => {
  const two = mask([2, 3], [1, 0, 1, 0, 0, 1]);
  assert.deepEqual([...keptUnits(two, 0, 3)], [1, 0, 1]);
  assert.deepEqual([...keptUnits(two, 1, 3)], [0, 0, 1]);
  assert.deepEqual(countKept(two), { kept: 3, all: 6 });
});

test("an axis of length 1 is shared: by rows, by units, by the places of a map", () => {
  assert.deepEqual([...keptUnits(mask([1, 2], [1, 0]), 5, 2)], [1, 0]);
  assert.deepEqual([...keptUnits(mask([2, 1], [1, 0]), 1, 3)], [0, 0, 0]);
  assert.deepEqual([...keptUnits(mask([2, 2, 1, 1], [1, 0, 0, 1]), 1, 2)], [0, 1]);
  assert.deepEqual([...keptUnits(mask([1, 1, 2, 2], [1, 0, 0, 0]), 0, 1)], [0.25]);
  assert.deepEqual(rowShape([64, 8, 4, 4]), { rows: 64, units: 8, each: 16 });
  assert.equal(keptUnits({ shape: [2, 2], packed: null }, 0, 2), null);
});

test("numbers have fixed places, a true minus, and a dash where there is none", () => {
  assert.equal(decimal(0.30549), "0.305");
  assert.equal(decimal(-0.5), "−0.500");
  assert.equal(decimal(-0.0001), "0.000");
  assert.equal(decimal(123456), "1.2e+5");
  assert.equal(decimal(null), "–");
  assert.equal(decimal(Number.NaN), "–");
  assert.equal(percent(0.8251), "82.5\u00a0%"); // no line ends before its sign
  assert.equal(whole(1240), "1,240");
  assert.equal(counted(1, "unit"), "1 unit");
  assert.equal(powerOfTwo(12), "2¹² = 4,096");
  assert.equal(powerOfTwo(32), "2³²");
  assert.equal(listed(["a", "b", "c"]), "a, b and c");
});

test("an address is shortened in its middle, and its step stays", () => {
  assert.equal(shortAddress(`dc1:${"ab".repeat(32)}:1239`), "dc1:ababab…abab:1239");
  assert.equal(shortAddress("something else"), "something else");
});

test("what is typed becomes a value of the field's kind, or goes as it is", () => {
  const integer = { kind: "integer", min: 1, max: 8 };
  assert.equal(valueOf(integer, " 12 "), 12);
  assert.equal(valueOf(integer, "−3"), -3);
  assert.equal(valueOf(integer, "twelve"), "twelve");
  assert.equal(valueOf({ kind: "number" }, "1e-3"), 0.001);
  assert.equal(valueOf(integer, "18446744073709551616"), "18446744073709551616"); // a float would be another
  assert.equal(valueOf({ kind: "number" }, "1e999"), "1e999");
  assert.equal(valueOf({ kind: "number", nullable: true }, " "), null);
  assert.deepEqual(valueOf({ kind: "integers" }, "1, -2 3"), [1, -2, 3]);
  assert.equal(valueOf({ kind: "integers" }, "1, x"), "1, x");
  assert.equal(valueOf({ kind: "text" }, "1"), "1");
  assert.equal(textOf([1, 2]), "1, 2");
  assert.equal(textOf(null), "");
  assert.equal(stepped(integer, 8, 1), 8);
  assert.equal(stepped({ ...integer, default: 4 }, "no number", -1), 3);
});

test("of calls that come too fast, the last one wins", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const seen = [];
  const slow = throttle((value) => seen.push(value), 100);
  for (const value of [1, 2, 3]) slow.call(value);
  assert.deepEqual(seen, [1]);
  context.mock.timers.tick(100);
  assert.deepEqual(seen, [1, 3]);
  slow.call(4);
  slow.stop();
  context.mock.timers.tick(500);
  assert.deepEqual(seen, [1, 3]);
});
