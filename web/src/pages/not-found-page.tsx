import { Empty } from '../components/feedback';
import { EyeIcon } from '../components/icons';
import { Shell } from '../components/shell';

export function NotFoundPage() {
  return (
    <Shell title="Not found">
      <Empty whole icon={<EyeIcon />} title="There is no such page, or you may not see it">
        <p>Check the address, or go back to your workspaces.</p>
        <a class="button primary" href="/">
          Home
        </a>
      </Empty>
    </Shell>
  );
}
