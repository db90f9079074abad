import { createHashHistory, createRootRoute, createRoute, createRouter, Navigate } from '@tanstack/react-router';
import { searchFrom } from '../models/browse.ts';
import { LivePage } from '../pages/LivePage.tsx';
import { ModelsPage } from '../pages/ModelsPage.tsx';
import { SpeakPage } from '../pages/SpeakPage.tsx';
import { TranscribePage } from '../pages/TranscribePage.tsx';
import { Shell } from './Shell.tsx';

const root = createRootRoute({ component: Shell, notFoundComponent: () => <Navigate to="/" /> });

const routes = [
  createRoute({ getParentRoute: () => root, path: '/', component: SpeakPage }),
  createRoute({ getParentRoute: () => root, path: '/transcribe', component: TranscribePage }),
  createRoute({ getParentRoute: () => root, path: '/live', component: LivePage }),
  createRoute({ getParentRoute: () => root, path: '/models', component: ModelsPage, validateSearch: searchFrom }),
] as const;

/** Pages live behind `#`, so that none of them can hide a route of the API and the server has one page to serve. */
export const router = createRouter({ routeTree: root.addChildren(routes), history: createHashHistory() });

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
