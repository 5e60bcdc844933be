"""Amazon Web Services, spoken to over the APIs of EC2, ELBv2 and STS."""
