// Sends a few events with one SDK, as programs do that use it, and ends when the SDK says that they are delivered. Its name is the argument; the
// server is WEIR_URL, the key WEIR_KEY.
import { createRequire } from 'node:module'

const require = createRequire(process.env.SDKS + '/package.json')
const url = process.env.WEIR_URL, key = process.env.WEIR_KEY
const page = 'https://shop.example.com/a?utm_source=news'

const sdks = {
  async segment() {
    const { Analytics } = require('@segment/analytics-node')
    const a = new Analytics({ writeKey: key, host: url, flushAt: 3, maxRetries: 5 })
    a.on('error', (e) => console.error(e))
    a.identify({ anonymousId: 'anon', userId: 'u1', traits: { plan: 'pro' } })
    a.page({ anonymousId: 'anon', userId: 'u1', name: 'Home', properties: { url: page, referrer: 'https://google.com/', title: 'A' } })
    a.track({ userId: 'u1', event: 'Order Completed', properties: { revenue: 12.5, currency: 'EUR', items: [1, 2] }, context: { userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0' } })
    a.group({ userId: 'u1', groupId: 'g1', traits: { name: 'Acme' } })
    a.alias({ userId: 'u1', previousId: 'old' })
    await a.closeAndFlush({ timeout: 60000 })
  },

  async rudderstack() {
    const RudderAnalytics = require('@rudderstack/rudder-sdk-node')
    const r = new (RudderAnalytics.default ?? RudderAnalytics)(key, { dataPlaneUrl: url, flushAt: 20, gzip: true })
    r.identify({ userId: 'u1', anonymousId: 'anon', traits: { plan: 'pro' } })
    r.page({ userId: 'u1', name: 'Home', properties: { url: page, title: 'A' } })
    r.track({ userId: 'u1', event: 'Order Completed', properties: { revenue: 12.5, currency: 'EUR' } })
    await r.flush()
  },

  async posthog() {
    const { PostHog } = require('posthog-node')
    const p = new PostHog(key, { host: url, flushAt: 20, fetchRetryDelay: 300 })
    p.identify({ distinctId: 'u1', properties: { plan: 'pro', $anon_distinct_id: 'anon' } })
    p.capture({ distinctId: 'u1', event: 'Order Completed', properties: { revenue: 12.5, currency: 'EUR' } })
    p.capture({ distinctId: 'u1', event: '$pageview', properties: { $current_url: page } })
    p.alias({ distinctId: 'u1', alias: 'old' })
    p.groupIdentify({ groupType: 'company', groupKey: 'g1', properties: { name: 'Acme' } })
    await p.shutdown()
  },

  async snowplow() {
    const { newTracker, buildPageView, buildStructEvent, buildSelfDescribingEvent } = require('@snowplow/node-tracker')
    for (const [eventMethod, encodeBase64] of [['post', true], ['post', false], ['get', true]]) {
      let left = 3, sent
      const done = new Promise((resolve) => { sent = resolve })
      const t = newTracker({ namespace: 'ns', appId: key, encodeBase64 },
        { endpoint: url, eventMethod, bufferSize: 3, onRequestSuccess: (batch) => { left -= batch.length; if (left <= 0) sent() } })
      t.setUserId('u1'); t.setDomainUserId('anon'); t.setSessionId('s1'); t.setPlatform('srv')
      t.track(buildPageView({ pageUrl: page, pageTitle: 'A', referrer: 'https://google.com/' }), [{ schema: 'iglu:com.acme/user/jsonschema/1-0-0', data: { plan: 'pro' } }])
      t.track(buildStructEvent({ category: 'cat', action: 'play', label: 'ä', value: 3.5 }))
      t.track(buildSelfDescribingEvent({ event: { schema: 'iglu:com.acme/order/jsonschema/1-0-0', data: { revenue: 12.5, currency: 'EUR' } } }))
      const again = setInterval(() => t.flush(), 100) // what failed goes out with the next flush
      await done
      clearInterval(again)
    }
  },

  async cloudevents() {
    const { CloudEvent, HTTP, Mode } = require('cloudevents')
    const event = (id) => new CloudEvent({ id, source: '/shop', type: 'order', subject: 'anon', data: { user_id: 'u1', revenue: 12.5, currency: 'EUR' } })
    const post = async (path, message) => {
      for (;;) { // it makes messages only; who sends them tries again
        const body = typeof message.body === 'string' ? message.body : JSON.stringify(message.body)
        const r = await fetch(url + path, { method: 'POST', body, headers: { ...message.headers, authorization: `Bearer ${key}` } })
        if (r.ok) return
        if (r.status !== 503) throw new Error(`${path}: ${r.status} ${await r.text()}`)
      }
    }
    await post('/ingest', HTTP.binary(event('1')))
    await post('/ingest', HTTP.structured(event('2')))
    await post('/api/v1/events', HTTP.binary(event('3')))
    await post('/api/v1/events', HTTP.structured(event('4')))
    await post('/api/v1/events', { headers: { 'content-type': 'application/cloudevents-batch+json' }, body: JSON.stringify([event('5'), event('6')]) })
  },

  async otlp() {
    const { LoggerProvider, SimpleLogRecordProcessor, BatchLogRecordProcessor } = require('@opentelemetry/sdk-logs')
    const json = require('@opentelemetry/exporter-logs-otlp-http').OTLPLogExporter
    const proto = require('@opentelemetry/exporter-logs-otlp-proto').OTLPLogExporter
    for (const [name, Exporter, compression] of [['json', json, 'none'], ['proto', proto, 'none'], ['packed', proto, 'gzip']]) {
      const exporter = new Exporter({ url: url + '/v1/logs', headers: { Authorization: `Bearer ${key}` }, compression })
      const provider = new LoggerProvider({ processors: [new BatchLogRecordProcessor({ exporter }) ] })
      const log = provider.getLogger('shop', '1.2')
      log.emit({ eventName: 'order', body: name, severityNumber: 9, severityText: 'INFO', attributes: { 'user.id': 'u1', 'session.id': 's1', client_id: 'anon', revenue: 12.5, count: 3, ok: true, tags: ['a', 'b'], nested: { x: { y: 1 } } } })
      log.emit({ eventName: 'browser.page_view', body: name, attributes: { 'url.full': page, client_id: 'anon' } })
      log.emit({ body: name })
      await provider.forceFlush()
      await provider.shutdown()
    }
  },

  async jitsu() {
    const { jitsuAnalytics } = require('@jitsu/js')
    const j = jitsuAnalytics({ host: url, writeKey: 'weir:' + key, s2s: true })
    await j.identify('u1', { plan: 'pro' })
    await j.track('Order Completed', { revenue: 12.5, currency: 'EUR' })
    await j.page({ url: page, title: 'A' })
  },

  // No SDK: the Measurement Protocol is what servers are told to POST.
  async measurement() {
    const body = { client_id: 'anon', user_id: 'u1', user_properties: { plan: { value: 'pro' } }, events: [
      { name: 'page_view', params: { page_location: page, page_title: 'A', session_id: 's1', engagement_time_msec: 1 } },
      { name: 'purchase', params: { value: 12.5, currency: 'EUR', transaction_id: 't1' } }] }
    const post = async (path) => fetch(`${url}${path}?measurement_id=G-WEIR&api_secret=${key}`, { method: 'POST', body: JSON.stringify(body) })
    const debug = await (await post('/debug/mp/collect')).json()
    if (debug.validationMessages.length > 0) throw new Error(JSON.stringify(debug))
    const r = await post('/mp/collect')
    if (r.status !== 204) throw new Error(`${r.status} ${await r.text()}`)
  },
}

await sdks[process.argv[2]]()
