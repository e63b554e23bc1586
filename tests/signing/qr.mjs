// What an independent library reads from the QR code in a picture (PPM, P6): `node tests/signing/qr.mjs file.ppm`.
import { readFileSync } from "node:fs";
import decode from "../../web/vendor/qr/decode.js";

const bytes = readFileSync(process.argv[2]);
const head = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(bytes.subarray(0, 64).toString("latin1"));
const [width, height] = [Number(head[1]), Number(head[2])];
console.log(decode({ width, height, data: bytes.subarray(head[0].length) }));
