//! Moves dead letters back to the queue, like `StartMessageMoveTask` of SQS, which moto does not have.

use super::{MAX_PER_CALL, Queue, QueueError};

/// Moves the messages that are in the dead-letter queue now, and returns their number. `progress` gets the number so far. A
/// message is sent before it is deleted: a failure in between duplicates it, and store-logs stores it once.
pub async fn redrive(dead_letters: &Queue, queue: &Queue, progress: impl Fn(usize)) -> Result<usize, QueueError> {
    // Messages that become dead letters in the meantime wait for the next run.
    let count = dead_letters.depth().await?.visible;
    let mut moved = 0;
    while moved < count {
        let messages = dead_letters.receive(MAX_PER_CALL.min(count - moved), 0).await?;
        if messages.is_empty() {
            break;
        }
        for message in messages {
            queue.send_again(&message).await?;
            dead_letters.delete(&[message.receipt_handle.unwrap_or_default()]).await?;
            moved += 1;
        }
        progress(moved);
    }
    Ok(moved)
}
