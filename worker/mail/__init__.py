"""What a mail says, how it reads, and the bytes it is sent as. No database, no network, no clock."""
