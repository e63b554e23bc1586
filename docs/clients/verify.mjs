// Signs payment orders as JWS and has a stream of them verified: one line each way for each order. Needs nothing but Node.
// Usage: CHUKY=https://… KEY=… node verify.mjs PRIVATE-KEY CERTIFICATE ISSUING-CERTIFICATE ORDER.json…
import { createPrivateKey, constants, sign, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

const [keyFile, certificateFile, issuingFile, ...orderFiles] = process.argv.slice(2);
const key = createPrivateKey(readFileSync(keyFile));
const der = (file) => new X509Certificate(readFileSync(file)).raw.toString("base64");
const elliptic = key.asymmetricKeyType === "ec";
const header = { alg: elliptic ? "ES256" : "PS256", x5c: [der(certificateFile), der(issuingFile)] };
const text = (bytes) => Buffer.from(bytes).toString("base64url");

const messages = orderFiles.map((file) => {
  const input = `${text(JSON.stringify(header))}.${text(readFileSync(file))}`;
  const how = elliptic
    ? { key, dsaEncoding: "ieee-p1363" }
    : { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  return `${input}.${text(sign("sha256", Buffer.from(input), how))}`;
});

const answer = await fetch(`${process.env.CHUKY}/api/v1/transactions/verify-batch`, {
  method: "POST",
  headers: { authorization: `Bearer ${process.env.KEY}`, "content-type": "application/x-ndjson" },
  body: messages.join("\n") + "\n",
});
if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
process.stdout.write(await answer.text());
