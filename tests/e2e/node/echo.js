// mqtt: a message to oneself over WebSocket.
const mqtt = require('mqtt');
const [url, level] = process.argv.slice(2);
const client = mqtt.connect(url, { clientId: 'node', protocolVersion: Number(level) });
client.on('connect', () => client.subscribe('node/echo', { qos: 1 }, () =>
  client.publish('node/echo', 'hello', { qos: 1 })));
client.on('message', (topic, payload) => { console.log(topic, payload.toString()); client.end(); });
client.on('error', (error) => { console.error(error); process.exit(1); });
