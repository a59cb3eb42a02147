//! Spreads sessions over the nodes with the most room.
