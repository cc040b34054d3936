// The script tag. It makes window.weir from its own attributes; what the page has put into window.weir = [] before is done first.
import { attempt } from './env';
import { Config, create, Options, Weir } from './client';

attempt(() => {
  const w = self as any;
  const tag = (document.currentScript || document.querySelector('script[data-site]')) as HTMLScriptElement;
  const before = w.weir;
  if (before && before.track) return; // the tag is there twice
  const d = tag.dataset;
  const yes = (v?: string) => v !== undefined && v !== 'false';
  const no = (v?: string) => v !== 'false';
  const site = d.site || new URL(tag.src).searchParams.get('site_id') || '';
  const api: Weir = create({
    site,
    host: d.host || tag.src.replace(/\/sdk\.js.*$/, ''),
    consent: d.consent as Options['consent'],
    cookieless: yes(d.cookieless),
    storage: d.storage as Options['storage'],
    cookieDomain: d.cookieDomain,
    cookieDays: d.cookieDays ? +d.cookieDays : undefined,
    hash: yes(d.hash),
    pageviews: no(d.pageviews),
    clicks: no(d.clicks),
    engagement: no(d.engagement),
    config: w.weirConfig as Config | undefined, // the server puts it in front of this script when the address names the site
  });
  const run = (call: any) => attempt(() => (api as any)[call[0]](...call.slice(1)));
  w.weir = Object.assign(api, { push: run });
  if (Array.isArray(before)) before.forEach(run);
});
