// aws-iot-device-sdk-v2: the request-response client of fleet provisioning. Prints the certificate it was given.
const fs = require('fs');
const { iotidentity } = require('aws-iot-device-sdk-v2');
const { connect, limits } = require('./connect_v2.js');
const [port, ca, key, cert, clientId, level, csr] = process.argv.slice(2);
const templateName = 'fleet';

async function main() {
  const [make, client] = await connect(level, port, ca, key, cert, clientId);
  const identity = iotidentity.IotIdentityClientv2[make](client, limits);
  const offer = csr
    ? await identity.createCertificateFromCsr({ certificateSigningRequest: fs.readFileSync(csr, 'utf8') })
    : await identity.createKeysAndCertificate({});
  const certificateOwnershipToken = offer.certificateOwnershipToken;
  const asked = { templateName, certificateOwnershipToken, parameters: { SerialNumber: '7' } };
  const done = await identity.registerThing(asked);
  console.log('registered', done.thingName, JSON.stringify(done.deviceConfiguration));
  const refusal = await identity.registerThing({ ...asked, parameters: {} }).catch((error) => error.modeledError);
  console.log('refused', refusal.statusCode, refusal.errorCode);
  console.log(JSON.stringify(offer));
  process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
