// aws-iot-device-sdk-v2: the request-response clients of Jobs and Device Shadow. One line for each answer.
const { iotjobs, iotshadow } = require('aws-iot-device-sdk-v2');
const { connect, limits } = require('./connect_v2.js');
const [port, ca, key, cert, thingName, level] = process.argv.slice(2);

async function main() {
  const [make, client] = await connect(level, port, ca, key, cert, thingName);
  const jobs = iotjobs.IotJobsClientv2[make](client, limits);
  const shadows = iotshadow.IotShadowClientv2[make](client, limits);
  const stream = jobs.createNextJobExecutionChangedStream({ thingName });
  const listening = new Promise((resolve) => stream.on('subscriptionStatus', resolve));
  const told = new Promise((resolve) => stream.on('incomingPublish', resolve));
  stream.open();
  await listening;

  const { queuedJobs } = await jobs.getPendingJobExecutions({ thingName });
  console.log('queued', queuedJobs.map((job) => job.jobId).join());
  const { execution } = await jobs.startNextPendingJobExecution({ thingName });
  const { jobId } = execution;
  console.log('started', jobId, JSON.stringify(execution.jobDocument), execution.versionNumber);
  const seen = await jobs.describeJobExecution({ thingName, jobId: '$next' });
  console.log('next', seen.execution.jobId, seen.execution.status);
  const status = iotjobs.model.JobStatus.SUCCEEDED;
  const report = { thingName, jobId, status, expectedVersion: 2, includeJobExecutionState: true };
  console.log('updated', (await jobs.updateJobExecution(report)).executionState.status);
  console.log('notify-next', (await told).message.execution === undefined);
  const refusal = await jobs.updateJobExecution(report).catch((error) => error.modeledError);
  console.log('refused', refusal.code, refusal.executionState.status);

  const written = await shadows.updateShadow({ thingName, state: { reported: { on: true } } });
  console.log('shadow', written.version);
  const missing = await shadows.getNamedShadow({ thingName, shadowName: 'none' }).catch((error) => error.modeledError);
  console.log('shadow', missing.code);
  process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
