// aws-iot-device-sdk-v2: the request-response clients of Jobs and Device Shadow. One line for each answer.
const { iot, iotjobs, iotshadow, mqtt, mqtt5 } = require('aws-iot-device-sdk-v2');
const [port, ca, key, cert, thingName, level] = process.argv.slice(2);
const limits = { maxRequestResponseSubscriptions: 4, maxStreamingSubscriptions: 2, operationTimeoutInSeconds: 20 };

async function over5() {
  const builder = iot.AwsIotMqtt5ClientConfigBuilder.newDirectMqttBuilderWithMtlsFromPath('localhost', cert, key);
  builder.withCertificateAuthorityFromPath(undefined, ca);
  builder.withPort(Number(port));
  builder.withConnectProperties({ clientId: thingName, keepAliveIntervalSeconds: 60 });
  const client = new mqtt5.Mqtt5Client(builder.build());
  const connected = new Promise((resolve, reject) => {
    client.on('connectionSuccess', resolve);
    client.on('connectionFailure', reject);
  });
  client.start();
  await connected;
  return ['newFromMqtt5', client];
}

async function over311() {
  const builder = iot.AwsIotMqttConnectionConfigBuilder.new_mtls_builder_from_path(cert, key);
  builder.with_certificate_authority_from_path(undefined, ca);
  builder.with_endpoint('localhost');
  builder.with_port(Number(port));
  builder.with_client_id(thingName);
  builder.with_clean_session(true);
  const connection = new mqtt.MqttClient().new_connection(builder.build());
  await connection.connect();
  return ['newFromMqtt311', connection];
}

async function main() {
  const [make, client] = level === '5' ? await over5() : await over311();
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
