import { Button } from '@mantine/core';
import { Component, useEffect, useState, type ReactNode } from 'react';
import { reach, useReach } from '../api/reach';
import { Notice } from './Answer';

/** Keeps a fault of a part from taking the page away. `reset` is what, when it changes, makes it try again: the address of a page. */
export class ErrorBoundary extends Component<{ children: ReactNode; reset?: string }, { error?: Error; at?: string }> {
  override state: { error?: Error; at?: string } = {};

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override componentDidCatch() {
    this.setState({ at: this.props.reset ?? '' });
  }

  override componentDidUpdate() {
    if (this.state.error && this.state.at !== undefined && this.state.at !== (this.props.reset ?? '')) this.setState({ error: undefined, at: undefined });
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    if (/dynamically imported module|Importing a module script failed|Unable to preload CSS/i.test(error.message)) return <NotLoaded />;
    return (
      <Notice tone="bad" title="This part of the page failed" action={<Button onClick={() => location.reload()}>Reload the page</Button>}>
        {error.message}
      </Notice>
    );
  }
}

const reloaded = 'weir.reloaded'; // when a page of this tab was last reloaded because a part of it did not load
const rest = 30_000; // ms

/** Whether reloading is worth a try: not if it was one a moment ago. */
function mayReload(): boolean {
  if (Date.now() - Number(sessionStorage.getItem(reloaded)) < rest) return false;
  sessionStorage.setItem(reloaded, String(Date.now()));
  return true;
}

/** A part of the page that did not load: because the server cannot be reached, and then it loads when it is back; or because the server has another version of it. */
function NotLoaded() {
  const state = useReach();
  const [sure, know] = useState(false);
  useEffect(() => {
    let gone = false;
    void (async () => {
      await reach.probe();
      const lost = reach.current() !== 'reached';
      if (!gone) know(true);
      await reach.back();
      if (!gone && (lost || mayReload())) location.reload();
    })();
    return () => {
      gone = true;
    };
  }, []);
  if (!sure) return null;
  if (state === 'reached')
    return (
      <Notice tone="bad" title="weir was updated" action={<Button onClick={() => location.reload()}>Reload the page</Button>}>
        The page is older than the server: reload it.
      </Notice>
    );
  return (
    <Notice tone="bad" title="weir cannot be reached" action={<Button variant="default" onClick={() => void reach.probe()}>Try now</Button>}>
      This part of the page was not loaded before the connection was lost. It loads by itself as soon as the server answers.
    </Notice>
  );
}
