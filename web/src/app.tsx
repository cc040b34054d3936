import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { askAgain, makeQueries } from './api/queries';
import { reach } from './api/reach';
import { ErrorBoundary } from './parts/ErrorBoundary';
import { Shell } from './shell/Shell';
import { theme, variables } from './theme';

export function App() {
  const [queries] = useState(makeQueries);
  useEffect(() => reach.watch(() => void askAgain(queries)), [queries]);
  return (
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>
        <ErrorBoundary>
          <Shell />
        </ErrorBoundary>
      </QueryClientProvider>
    </MantineProvider>
  );
}
