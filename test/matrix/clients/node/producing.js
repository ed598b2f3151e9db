// What the client matrix's producers for Node.js share: the command line and the output, see test/matrix/doc.go, and the records, see
// test/matrix/content_test.go.

// main calls run(bootstrap, topics, count, index, text, report) for the text of each setting; it throws what is an error of the whole run.
async function main(run) {
  const [bootstrap, topicList, countText, ...settings] = process.argv.slice(2)
  for (const [index, text] of settings.entries()) {
    const start = Date.now()
    const report = (topic, number, error) => console.log(JSON.stringify(
      {setting: index, topic, number, ms: Date.now() - start, error: error ? `${error.name}: ${error.message}` : ''}))
    try {
      await run(bootstrap, topicList.split(','), Number(countText), index, text, report)
    } catch (error) {
      report('', -1, error)
    }
  }
  process.stdout.write('', () => process.exit(0)) // a client that could not log in goes on trying
}

const pace = Number(process.env.PACE_MS || 0)

// paced waits for as long as so many records take.
const paced = records => new Promise(resolve => setTimeout(resolve, pace * records))

const inBatch = 10

// batches sends records by send(topic, numbers) and reports them: topic by topic, so that one that fails does not fail the others.
async function batches(topics, count, index, report, send) {
  for (let from = 0; from < count; from += inBatch * topics.length) {
    for (const [t, topic] of topics.entries()) {
      const numbers = []
      for (let i = from + t; i < Math.min(count, from + inBatch * topics.length); i += topics.length) {
        numbers.push(index * 1000 + i)
      }
      if (numbers.length === 0) continue
      let failed
      try {
        await send(topic, numbers)
      } catch (error) {
        failed = error
      }
      numbers.forEach(n => report(topic, n, failed))
      await paced(numbers.length)
    }
  }
}

function timestamp(n) {
  return 1_700_000_000_000 + n * 1000 - n % 7 * 5000
}

function key(n) {
  return n % 13 === 5 ? null : n % 13 === 6 ? Buffer.alloc(0) : Buffer.from(`key-${n}`)
}

function value(topic, n) {
  if (n % 13 === 3) return null
  if (n % 13 === 4) return Buffer.alloc(0)
  let text = `${topic}|${n}|`
  for (let j = 0; j < 100 + n * 7919 % 500; j++) text += String.fromCharCode(97 + (n + j) % 26)
  return Buffer.from(text)
}

module.exports = {batches, key, main, pace, paced, timestamp, value}
