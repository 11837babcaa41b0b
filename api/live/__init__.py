"""Live streams: what listeners are sent (`frames`), to whom (`listener`), about which thread (`room`), and of what the
process hears (`tail`). History and tail are joined by `seq` in `listener`.
"""
