"""The passes; `base` is their contract, `contract` checks it, `registry` finds them."""
