/** Every route that the simulated API has. */
import type { Route } from '../route.ts';
import { RouteTree } from '../rules/route-tree.ts';
import { channelRoutes } from './channels.ts';
import { guildRoutes } from './guilds.ts';
import { messageRoutes } from './messages.ts';
import { ownRoutes } from './own.ts';
import { webhookRoutes } from './webhooks.ts';

export const ROUTES: readonly Route[] = [
  ...ownRoutes,
  ...channelRoutes,
  ...messageRoutes,
  ...guildRoutes,
  ...webhookRoutes,
];

export const ROUTE_TREE = new RouteTree(ROUTES);
