def open_decoder():
    from alpr_kafka.decoding import PlainDecoder

    return PlainDecoder()


def open_producer():
    raise NotImplementedError
