import { Button } from '../../components/button';
import { Dialog } from '../../components/dialog';

interface Props {
  name: string;
  onCancel: () => void;
  onEnd: () => void;
}

/** Ending destroys the desktop: asked once, in plain words. */
export function EndDialog({ name, onCancel, onEnd }: Props) {
  return (
    <Dialog
      title={`End ${name}?`}
      onClose={onCancel}
      actions={
        <>
          <Button onClick={onCancel}>Keep it running</Button>
          <Button look="danger" onClick={onEnd}>
            End session
          </Button>
        </>
      }
    >
      <p>
        Programs in it are closed, and what is not saved outside the session is lost. To come back later,
        leave it running and close this page instead.
      </p>
    </Dialog>
  );
}
