// aws-iot-device-sdk-v2: a connection with a client certificate, and what makes a service client from it.
const { iot, mqtt, mqtt5 } = require('aws-iot-device-sdk-v2');

async function over5(port, ca, key, cert, clientId) {
  const builder = iot.AwsIotMqtt5ClientConfigBuilder.newDirectMqttBuilderWithMtlsFromPath('localhost', cert, key);
  builder.withCertificateAuthorityFromPath(undefined, ca);
  builder.withPort(Number(port));
  builder.withConnectProperties({ clientId, keepAliveIntervalSeconds: 60 });
  const client = new mqtt5.Mqtt5Client(builder.build());
  const connected = new Promise((resolve, reject) => {
    client.on('connectionSuccess', resolve);
    client.on('connectionFailure', reject);
  });
  client.start();
  await connected;
  return ['newFromMqtt5', client];
}

async function over311(port, ca, key, cert, clientId) {
  const builder = iot.AwsIotMqttConnectionConfigBuilder.new_mtls_builder_from_path(cert, key);
  builder.with_certificate_authority_from_path(undefined, ca);
  builder.with_endpoint('localhost');
  builder.with_port(Number(port));
  builder.with_client_id(clientId);
  builder.with_clean_session(true);
  const connection = new mqtt.MqttClient().new_connection(builder.build());
  await connection.connect();
  return ['newFromMqtt311', connection];
}

exports.limits = { maxRequestResponseSubscriptions: 4, maxStreamingSubscriptions: 2, operationTimeoutInSeconds: 60 };
exports.connect = (level, ...where) => (level === '5' ? over5 : over311)(...where);
