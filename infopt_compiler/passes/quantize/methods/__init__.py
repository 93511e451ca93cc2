"""The methods of quantization, one file each: every module in here is a method of that name (`registry` finds them)."""
