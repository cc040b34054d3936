import { Button } from '@mantine/core';
import { Component, type ReactNode } from 'react';
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
    const outdated = /dynamically imported module|Importing a module script failed/i.test(error.message);
    return (
      <Notice
        tone="bad"
        title={outdated ? 'weir was updated' : 'This part of the page failed'}
        action={<Button onClick={() => location.reload()}>Reload the page</Button>}
      >
        {outdated ? 'The page is older than the server: reload it.' : error.message}
      </Notice>
    );
  }
}
