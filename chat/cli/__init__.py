"""The program `chat`: one file a subcommand or group of them."""
