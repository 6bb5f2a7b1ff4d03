// @aws-sdk 3: a template, a job worked off over HTTP, errors by their classes, pages, and an artifact by presigned URLs.
const { IoT, ResourceNotFoundException, paginateListJobs } = require('@aws-sdk/client-iot');
const { IoTDataPlane } = require('@aws-sdk/client-iot-data-plane');
const { IoTJobsDataPlane, InvalidStateTransitionException } = require('@aws-sdk/client-iot-jobs-data-plane');
const { S3, GetObjectCommand, PutObjectCommand } = require('@aws-sdk/client-s3');
const { getSignedUrl } = require('@aws-sdk/s3-request-presigner');
const [endpoint, objects] = process.argv.slice(2);
const credentials = { accessKeyId: '000000000701', secretAccessKey: 'any' };
const settings = { endpoint, region: 'us-east-1', credentials };
const iot = new IoT(settings);
const data = new IoTDataPlane(settings);
const device = new IoTJobsDataPlane(settings);
const s3 = new S3({ ...settings, endpoint: objects, forcePathStyle: true });
const say = (...words) => console.log(words.join(' '));
const fails = async (call, kind) => call.then(() => say('no error'), (error) => say(error.name, error instanceof kind));

(async () => {
  const thing = (await iot.createThing({ thingName: 'v3' })).thingArn;
  const template = await iot.createJobTemplate({
    jobTemplateId: 'v3', description: 'all', document: '{"a":1}',
    jobExecutionsRolloutConfig: {
      exponentialRate: { baseRatePerMinute: 10, incrementFactor: 1.5, rateIncreaseCriteria: { numberOfNotifiedThings: 5 } },
      maximumPerMinute: 100,
    },
    abortConfig: { criteriaList: [{ failureType: 'ALL', action: 'CANCEL', thresholdPercentage: 12.5, minNumberOfExecutedThings: 3 }] },
    jobExecutionsRetryConfig: { criteriaList: [{ failureType: 'FAILED', numberOfRetries: 2 }] },
    maintenanceWindows: [{ startTime: 'cron(0 0 * * ? *)', durationInMinutes: 60 }],
  });
  const kept = await iot.describeJobTemplate({ jobTemplateId: 'v3' });
  say('template', kept.abortConfig.criteriaList[0].thresholdPercentage, kept.createdAt instanceof Date);
  await fails(iot.describeJobTemplate({ jobTemplateId: 'none' }), ResourceNotFoundException);
  for (const jobId of ['v3-a', 'v3-b', 'v3-c']) { await iot.createJob({ jobId, targets: [thing], document: '{"n":1}' }); }
  let jobs = 0;
  for await (const page of paginateListJobs({ client: iot, pageSize: 2 }, {})) { jobs += page.jobs.length; }
  say('jobs', jobs, template.jobTemplateId);
  const { execution } = await device.startNextPendingJobExecution({ thingName: 'v3' });
  say('started', execution.jobId, execution.jobDocument);
  const report = { thingName: 'v3', jobId: execution.jobId, status: 'SUCCEEDED' };
  say('updated', (await device.updateJobExecution({ ...report, includeJobExecutionState: true })).executionState.status);
  await fails(device.updateJobExecution({ ...report, status: 'FAILED' }), InvalidStateTransitionException);
  await data.publish({ topic: 'v3/kept', retain: true, qos: 1, payload: Buffer.from('hi'), userProperties: '[{"a":"b"}]' });
  const message = await data.getRetainedMessage({ topic: 'v3/kept' });
  say('retained', Buffer.from(message.payload), Buffer.from(message.userProperties));
  await s3.createBucket({ Bucket: 'v3-artifacts' });
  const object = { Bucket: 'v3-artifacts', Key: 'a b/\u00fc.bin' };
  const put = await getSignedUrl(s3, new PutObjectCommand({ ...object, Metadata: { colour: 'blue' } }), { expiresIn: 60 });
  say('put', (await fetch(put, { method: 'PUT', body: 'image' })).status);
  const got = await fetch(await getSignedUrl(s3, new GetObjectCommand(object), { expiresIn: 60 }));
  say('got', got.status, await got.text(), got.headers.get('x-amz-meta-colour'));
})().catch((error) => { console.error(error); process.exit(1); });
