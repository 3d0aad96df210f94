{{ config(key=['form_code', 'commune_code', 'review_year', 'standard_code', 'counted_code']) }}

with form as (
    {%- for form_code, columns in movement_columns().items() %}
        select
            '{{ form_code }}' as form_code,
            submission_id,
            sheet_name,
            row_number,
            sender_code,
            period_code,
            period_end_on,
            review_year,
            commune_code,
            counted_code,
            array[
                {%- for column in columns %}
                    {{ column }}_count{{ ',' if not loop.last }}
                {%- endfor %}
            ] as figures
        from {{ ref('stg_' ~ form_code ~ '_movement') }}
        {{- '\n    union all' if not loop.last }}
    {%- endfor %}
),

placed as (
    select
        form.form_code,
        form.submission_id,
        form.sheet_name,
        form.row_number,
        form.sender_code,
        form.period_code,
        form.review_year,
        standard.standard_code,
        place.admin_unit_key,
        place.commune_code,
        place.district_code,
        place.province_code,
        place.reporting_sender_code,
        form.counted_code,
        form.figures
    from form
    inner join {{ ref('int_report__form_standard') }} as standard on form.submission_id = standard.submission_id
    inner join {{ ref('int_place__resolved') }} as place
        on
            form.commune_code = place.named_commune_code
            and form.period_end_on = place.named_on
            and form.period_end_on = place.placed_on
)

-- Of several rows for a commune and year, that of its own district counts, then the one received last.
select distinct on (form_code, commune_code, review_year, standard_code, counted_code) *
from placed
order by
    form_code,
    commune_code,
    review_year,
    standard_code,
    counted_code,
    case when sender_code = reporting_sender_code then 0 else 1 end,
    submission_id desc,
    row_number
