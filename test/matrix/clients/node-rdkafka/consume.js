// The client matrix's consumer for node-rdkafka, which is librdkafka.
const {KafkaConsumer} = require('node-rdkafka')
const {main} = require('../node/consuming.js')

// call turns a function that takes a callback into a promise.
const call = start => new Promise((resolve, reject) => start((error, value) => error ? reject(error) : resolve(value)))

async function consume(bootstrap, job) {
  const group = job.assigned ? {'group.id': 'none', 'enable.auto.commit': false} : {'group.id': job.group} // it demands a group
  const consumer = new KafkaConsumer({'metadata.broker.list': bootstrap, ...group}, {'auto.offset.reset': 'earliest'})
  await call(done => consumer.connect({}, done))
  try {
    if (job.assigned) consumer.assign(job.partitions.map(one => ({...one, offset: 0})))
    else consumer.subscribe(job.topics)
    while (job.unfinished()) {
      for (const m of await call(done => consumer.consume(100, done))) job.record(m.topic, m.partition, m.offset, m.key, m.value)
    }
    if (!job.assigned) consumer.commitSync()
  } finally {
    await call(done => consumer.disconnect(done))
  }
}

main(consume)
