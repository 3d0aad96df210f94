select
    code as programme_code,
    province_code,
    title_vi as name_vi,
    document_number,
    issued_on,
    start_year as valid_from_year,
    end_year as valid_to_year,
    poverty_standard as standard_code,
    source_document
from {{ ref('programme') }}
