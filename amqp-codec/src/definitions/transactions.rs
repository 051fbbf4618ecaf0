//! Part 4: transactions.

use super::DeliveryState;
use crate::composite::composites;
use crate::multiple::Multiple;
use crate::tag::TransactionId;
use crate::text::Symbol;
use crate::value::Value;

composites! {
    table TRANSACTIONS;

    /// The target of a link that controls transactions (§4.5.1).
    Coordinator = 0x30 "amqp:coordinator:list" {
        /// What the coordinator can do: see [`TxnCapability`](crate::TxnCapability).
        capabilities: Multiple<Symbol>,
    }

    /// A message body that begins a transaction (§4.5.2).
    Declare = 0x31 "amqp:declare:list" {
        /// The global transaction that it belongs to.
        global_id: Option<Value>,
    }

    /// A message body that ends a transaction (§4.5.3).
    Discharge = 0x32 "amqp:discharge:list" {
        /// The transaction.
        txn_id: TransactionId,
        /// Whether it is rolled back.
        fail: bool = false,
    }

    /// The outcome of a declare (§4.5.5).
    Declared = 0x33 "amqp:declared:list" {
        /// The transaction that has begun.
        txn_id: TransactionId,
    }

    /// The state of a delivery inside a transaction (§4.5.6).
    TransactionalState = 0x34 "amqp:transactional-state:list" {
        /// The transaction.
        txn_id: TransactionId,
        /// The outcome if it commits.
        outcome: Option<DeliveryState>,
    }
}
