// aws-iot-device-sdk: works off every job of a thing, then updates, reads and deletes its shadow. One line for each step.
const sdk = require('aws-iot-device-sdk');
const [port, ca, key, cert, thing, jobs] = process.argv.slice(2);
const options = { host: 'localhost', port: Number(port), caPath: ca, keyPath: key, certPath: cert, clientId: thing };
const fail = (error) => { console.error(error); process.exit(1); };

function shadow() {
  const device = sdk.thingShadow(options);
  const steps = ['update', 'get', 'delete'];
  let token;
  const next = () => {
    const step = steps.shift();
    if (step === undefined) { device.end(true, () => process.exit(0)); return; }
    token = step === 'update' ? device.update(thing, { state: { desired: { on: true } } }) : device[step](thing);
  };
  device.on('error', fail);
  device.on('timeout', fail);
  device.on('delta', (_name, delta) => console.log('delta', JSON.stringify(delta.state)));
  device.on('status', (_name, status, of) => { if (of === token) { console.log('shadow', status); next(); } });
  device.on('connect', () => device.register(thing, {}, next));
}

const device = sdk.jobs(options);
let left = Number(jobs);
device.on('error', fail);
device.subscribeToJobs(thing, 'install', (error, job) => {
  if (error) { fail(error); }
  console.log('job', job.id, JSON.stringify(job.document), job.status.status);
  const done = () => { if (--left === 0) { device.end(false, shadow); } };
  job.inProgress({ progress: '50' }, () => job.succeeded({ progress: '100' }, done));
});
device.startJobNotifications(thing, (error) => { if (error) { fail(error); } });
