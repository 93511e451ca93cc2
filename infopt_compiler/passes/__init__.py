"""The passes: select, quantize, export, tune; `base` is their contract, `registry` finds them."""
