import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { useState } from 'react';
import { makeQueries } from './api/queries';
import { ErrorBoundary } from './parts/ErrorBoundary';
import { Shell } from './shell/Shell';
import { theme, variables } from './theme';

export function App() {
  const [queries] = useState(makeQueries);
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
